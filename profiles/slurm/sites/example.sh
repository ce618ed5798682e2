# A site: source it before `snakemake --profile slurm --cores all`, or put these lines into ~/.bashrc.
# Leave out what the cluster's defaults do right. `sinfo -o '%P %l %G'` lists partitions, their time
# limits and GPUs; `sacctmgr list assoc user=$USER format=account,qos` lists accounts and QOS.
export HCE_SLURM_ACCOUNT=mylab
export HCE_SLURM_PARTITION=cpu
export HCE_SLURM_GPU_PARTITION=gpu
export HCE_SLURM_QOS=normal
export HCE_SLURM_GPU_TYPE=a100
